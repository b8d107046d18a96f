package kubernetes

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/keys"
	"github.com/fetchmill/fetchmill/internal/topology"
)

func labelsOf(p pod) labels.Set { return p.Labels }

// both runs a test on what is made without and with KEDA.
func both(t *testing.T, test func(t *testing.T, list []object)) {
	t.Helper()
	for _, name := range []string{"base", "overlays/keda"} {
		t.Run(name, func(t *testing.T) { test(t, build(t, name)) })
	}
}

func TestManifests_have_everything_in_one_namespace(t *testing.T) {
	both(t, func(t *testing.T, list []object) {
		require.Len(t, of[*corev1.Namespace](list), 1)
		require.Equal(t, "restricted", of[*corev1.Namespace](list)[0].Labels["pod-security.kubernetes.io/enforce"])
		for _, o := range list {
			if _, is := o.(*corev1.Namespace); !is {
				require.Equal(t, "fetchmill", o.GetNamespace(), o.GetName())
			}
		}
		names := map[string]bool{}
		for _, p := range pods(list) {
			names[p.name] = true
		}
		require.Equal(t, map[string]bool{"nats": true, "setup": true, "ingest": true, "fetcher": true, "cruncher": true, "sink": true}, names)
	})
}

// TestPods_are_restricted is about what the profile "restricted" of Kubernetes asks for, and a read-only root beside.
func TestPods_are_restricted(t *testing.T) {
	both(t, func(t *testing.T, list []object) {
		for _, p := range pods(list) {
			require.True(t, *p.Spec.SecurityContext.RunAsNonRoot, p.name)
			require.Positive(t, *p.Spec.SecurityContext.RunAsUser, p.name)
			require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, p.Spec.SecurityContext.SeccompProfile.Type, p.name)
			require.False(t, *p.Spec.AutomountServiceAccountToken, p.name)
			require.Len(t, p.Spec.Containers, 1, p.name)
			c := p.Spec.Containers[0]
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, p.name)
			require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, p.name)
			require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, p.name)
			require.Empty(t, c.SecurityContext.Capabilities.Add, p.name)
			require.Positive(t, c.Resources.Limits.Memory().Value(), p.name)
			require.Positive(t, c.Resources.Requests.Cpu().MilliValue(), p.name)
			for _, v := range c.Env {
				if v.Name == "GOMEMLIMIT" {
					mib, err := strconv.Atoi(strings.TrimSuffix(v.Value, "MiB"))
					require.NoError(t, err)
					require.Less(t, int64(mib)<<20, c.Resources.Limits.Memory().Value(), "%s: Go has to collect before it is killed", p.name)
				}
			}
		}
	})
}

// TestProbes_ask_for_what_services_answer asks what serves health in the services.
func TestProbes_ask_for_what_services_answer(t *testing.T) {
	mux := http.NewServeMux()
	new(host.Health).Register(mux, prometheus.NewRegistry())
	both(t, func(t *testing.T, list []object) {
		for _, d := range of[*appsv1.Deployment](list) {
			c := d.Spec.Template.Spec.Containers[0]
			port := httpPort(t, c)
			for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
				require.NotNil(t, probe, d.Name)
				require.Equal(t, port, containerPort(t, c, probe.HTTPGet.Port), d.Name)
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, probe.HTTPGet.Path, http.NoBody))
				require.Equal(t, http.StatusOK, w.Code, "%s: %s", d.Name, probe.HTTPGet.Path)
			}
			require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
			require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path, "a broker that is away must not restart everything")
			require.GreaterOrEqual(t, *d.Spec.Template.Spec.TerminationGracePeriodSeconds, int64(35), "it drains for 25 s")
		}
	})
}

// httpPort is where a service listens, as its flag says.
func httpPort(t *testing.T, c corev1.Container) int32 {
	t.Helper()
	for i, arg := range c.Args {
		if arg == "--http-addr" {
			port, err := strconv.Atoi(strings.TrimPrefix(c.Args[i+1], "0.0.0.0:"))
			require.NoError(t, err)
			return int32(port)
		}
	}
	require.Fail(t, "no --http-addr", c.Name)
	return 0
}

func containerPort(t *testing.T, c corev1.Container, port intstr.IntOrString) int32 {
	t.Helper()
	for _, p := range c.Ports {
		if p.Name == port.StrVal || (port.Type == intstr.Int && p.ContainerPort == port.IntVal) {
			return p.ContainerPort
		}
	}
	require.Fail(t, "no such port", "%s: %s", c.Name, port.String())
	return 0
}

// TestSecrets_are_each_user_s_own looks at who gets which secrets.
func TestSecrets_are_each_user_s_own(t *testing.T) {
	both(t, func(t *testing.T, list []object) {
		for _, p := range pods(list) {
			c := p.Spec.Containers[0]
			var secrets []string
			mounted := map[string]string{} // paths by secret
			for _, v := range p.Spec.Volumes {
				if v.Secret == nil {
					continue
				}
				secrets = append(secrets, v.Secret.SecretName)
				require.EqualValues(t, 0o440, *v.Secret.DefaultMode, "%s: others may read %s, or it cannot", p.name, v.Secret.SecretName)
				for _, m := range c.VolumeMounts {
					if m.Name == v.Name {
						require.True(t, m.ReadOnly)
						mounted[v.Secret.SecretName] = m.MountPath
					}
				}
				require.NotEmpty(t, mounted[v.Secret.SecretName], "%s does not mount %s", p.name, v.Secret.SecretName)
			}
			want := map[string][]string{"nats": {"fetchmill-users"}, "ingest": {"fetchmill-ingest", "fetchmill-http"}, "sink": {"fetchmill-sink", "fetchmill-http"}}[p.name]
			if want == nil {
				want = []string{"fetchmill-" + p.name}
			}
			require.ElementsMatch(t, want, secrets, p.name)
			if p.name == "nats" {
				continue
			}
			require.Contains(t, topology.Roles(), topology.Role(p.name))
			for _, v := range c.Env {
				if v.Name == "NATS_NKEY" {
					require.Equal(t, mounted["fetchmill-"+p.name]+strings.TrimPrefix(keys.SeedFile(p.name), p.name), v.Value)
				}
			}
			for i, arg := range c.Args {
				if arg == "--http-token-file" {
					require.Equal(t, mounted["fetchmill-http"]+strings.TrimPrefix(keys.TokenFile, "http"), c.Args[i+1])
				}
			}
		}
	})
}

func TestSelectors_and_ports_lead_somewhere(t *testing.T) {
	both(t, func(t *testing.T, list []object) {
		all := pods(list)
		guarded := map[string]bool{}
		for _, s := range of[*corev1.Service](list) {
			picked := selected(t, &metav1.LabelSelector{MatchLabels: s.Spec.Selector}, all)
			require.Len(t, picked, 1, s.Name)
			for _, p := range s.Spec.Ports {
				require.Equal(t, p.Port, containerPort(t, picked[0].Spec.Containers[0], p.TargetPort), s.Name)
			}
		}
		for _, b := range of[*policyv1.PodDisruptionBudget](list) {
			picked := selected(t, b.Spec.Selector, all)
			require.Len(t, picked, 1, b.Name)
			guarded[picked[0].name] = true
		}
		require.Len(t, guarded, 5, "all but setup")
		for _, n := range of[*networkingv1.NetworkPolicy](list) {
			picked := selected(t, &n.Spec.PodSelector, all)
			require.NotEmpty(t, picked, n.Name)
			for _, rule := range n.Spec.Ingress {
				for _, port := range rule.Ports {
					for _, p := range picked {
						containerPort(t, p.Spec.Containers[0], *port.Port)
					}
				}
			}
			for _, rule := range n.Spec.Egress {
				for _, to := range rule.To {
					if to.PodSelector == nil {
						continue
					}
					targets := selected(t, to.PodSelector, all)
					require.NotEmpty(t, targets, n.Name)
					for _, port := range rule.Ports {
						for _, p := range targets {
							containerPort(t, p.Spec.Containers[0], *port.Port)
						}
					}
				}
			}
		}
		var closed bool
		for _, n := range of[*networkingv1.NetworkPolicy](list) {
			closed = closed || (len(n.Spec.PodSelector.MatchLabels) == 0 && len(n.Spec.PodSelector.MatchExpressions) == 0 && len(n.Spec.PolicyTypes) == 2 && n.Spec.Ingress == nil && n.Spec.Egress == nil)
		}
		require.True(t, closed, "what is not said is not allowed")
	})
}

// TestCruncher_reaches_the_broker_only is about where programs of strangers run.
func TestCruncher_reaches_the_broker_only(t *testing.T) {
	list := build(t, "base")
	var cruncher []pod
	for _, p := range pods(list) {
		if p.name == "cruncher" {
			cruncher = append(cruncher, p)
		}
	}
	var egress []string
	for _, n := range of[*networkingv1.NetworkPolicy](list) {
		if len(selected(t, &n.Spec.PodSelector, cruncher)) > 0 && len(n.Spec.Egress) > 0 {
			egress = append(egress, n.Name)
		}
	}
	require.ElementsMatch(t, []string{"names", "to-nats"}, egress)
}

func TestBrokers_are_as_many_as_there_are_copies(t *testing.T) {
	list := build(t, "base")
	nats := of[*appsv1.StatefulSet](list)[0]
	args := of[*batchv1.Job](list)[0].Spec.Template.Spec.Containers[0].Args
	require.Contains(t, strings.Join(args, " "), "--replicas "+strconv.Itoa(int(*nats.Spec.Replicas)))
	for _, s := range of[*corev1.Service](list) {
		if s.Name == nats.Spec.ServiceName {
			require.Equal(t, corev1.ClusterIPNone, s.Spec.ClusterIP)
		}
	}
	var config string
	for _, v := range nats.Spec.Template.Spec.Volumes {
		if v.ConfigMap != nil {
			config = v.ConfigMap.Name
		}
	}
	maps := of[*corev1.ConfigMap](list)
	require.Len(t, maps, 1)
	require.Equal(t, maps[0].Name, config, "kustomize adds a hash to the name")
	require.Contains(t, maps[0].Data, "nats.conf")
}

// TestScalers_watch_consumers_that_exist compares them with the topology: each consumer of a service has its trigger.
func TestScalers_watch_consumers_that_exist(t *testing.T) {
	list := build(t, "overlays/keda")
	service := map[string]string{
		topology.StreamWork: "ingest", topology.StreamFetch: "fetcher", topology.StreamCrunch: "cruncher", topology.StreamResults: "sink",
	}
	want := map[string][]string{}
	for _, c := range topology.For(topology.Default()).Consumers {
		if s, works := service[c.Stream]; works {
			want[s] = append(want[s], c.Stream+"/"+c.Name)
		}
	}
	got := map[string][]string{}
	for _, s := range of[*keda.ScaledObject](list) {
		for _, trigger := range s.Spec.Triggers {
			require.Equal(t, "nats-jetstream", trigger.Type)
			require.Equal(t, "$G", trigger.Metadata["account"], "the users have no accounts")
			require.Equal(t, "nats.fetchmill.svc.cluster.local:8222", trigger.Metadata["natsServerMonitoringEndpoint"])
			threshold, err := strconv.Atoi(trigger.Metadata["lagThreshold"])
			require.NoError(t, err)
			require.Positive(t, threshold)
			got[s.Spec.ScaleTargetRef.Name] = append(got[s.Spec.ScaleTargetRef.Name], trigger.Metadata["stream"]+"/"+trigger.Metadata["consumer"])
		}
		require.Positive(t, *s.Spec.MinReplicaCount)
		require.Greater(t, *s.Spec.MaxReplicaCount, *s.Spec.MinReplicaCount)
	}
	require.Len(t, got, len(want))
	for name, consumers := range want {
		require.ElementsMatch(t, consumers, got[name], name)
	}
	for _, d := range of[*appsv1.Deployment](list) {
		require.Contains(t, got, d.Name)
		require.Nil(t, d.Spec.Replicas, "each apply would set the number back")
	}
}
