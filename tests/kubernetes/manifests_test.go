package kubernetes

import (
	"path/filepath"
	"testing"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// object is a resource of any kind.
type object interface {
	GetName() string
	GetNamespace() string
}

// kinds are those that manifests may have, with what they are read into.
var kinds = map[string]func() object{
	"v1/Namespace":                       func() object { return new(corev1.Namespace) },
	"v1/ConfigMap":                       func() object { return new(corev1.ConfigMap) },
	"v1/Service":                         func() object { return new(corev1.Service) },
	"apps/v1/Deployment":                 func() object { return new(appsv1.Deployment) },
	"apps/v1/StatefulSet":                func() object { return new(appsv1.StatefulSet) },
	"batch/v1/Job":                       func() object { return new(batchv1.Job) },
	"policy/v1/PodDisruptionBudget":      func() object { return new(policyv1.PodDisruptionBudget) },
	"networking.k8s.io/v1/NetworkPolicy": func() object { return new(networkingv1.NetworkPolicy) },
	"keda.sh/v1alpha1/ScaledObject":      func() object { return new(keda.ScaledObject) },
}

const folder = "../../deploy/kubernetes"

// build is what `kustomize build` makes of a folder, read without mercy: a field that Kubernetes does not know is an error.
func build(t *testing.T, name string) []object {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(folder, name))
	require.NoError(t, err)
	var list []object
	for _, r := range made.Resources() {
		text, err := r.MarshalJSON()
		require.NoError(t, err)
		kind := r.GetApiVersion() + "/" + r.GetKind()
		empty, known := kinds[kind]
		require.True(t, known, "%s is of a kind that is not checked: %s", r.GetName(), kind)
		o := empty()
		strict, err := json.UnmarshalStrict(text, o)
		require.NoError(t, err, "%s %s", kind, r.GetName())
		require.Empty(t, strict, "%s %s", kind, r.GetName())
		list = append(list, o)
	}
	require.NotEmpty(t, list)
	return list
}

// of picks those of one kind.
func of[T object](list []object) (picked []T) {
	for _, o := range list {
		if one, ok := o.(T); ok {
			picked = append(picked, one)
		}
	}
	return picked
}

// pod is a template of pods and what it belongs to.
type pod struct {
	name string
	corev1.PodTemplateSpec
}

func pods(list []object) (all []pod) {
	for _, d := range of[*appsv1.Deployment](list) {
		all = append(all, pod{d.Name, d.Spec.Template})
	}
	for _, s := range of[*appsv1.StatefulSet](list) {
		all = append(all, pod{s.Name, s.Spec.Template})
	}
	for _, j := range of[*batchv1.Job](list) {
		all = append(all, pod{j.Name, j.Spec.Template})
	}
	return all
}

// selected are the pods that a selector picks.
func selected(t *testing.T, selector *metav1.LabelSelector, all []pod) (picked []pod) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	for _, p := range all {
		if s.Matches(labelsOf(p)) {
			picked = append(picked, p)
		}
	}
	return picked
}
