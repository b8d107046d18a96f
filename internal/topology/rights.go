package topology

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rights are the subjects on which a user may publish and to which it may subscribe, beside those of its own inbox.
type Rights struct {
	Publish   []string
	Subscribe []string
}

// Extra is what items may reach on the broker because the operator says so (--nats-allow, --object-bucket): it extends the rights of
// fetchers.
type Extra struct {
	Subjects []string // that requests are sent to
	Buckets  []string // object stores that are read
}

// ErrNoAccess means that nobody has said who has to do with a part of the layout.
var ErrNoAccess = errors.New("nobody may use it: say who does in internal/topology/access.go")

// Rights derives what each role needs from the layout and the tables in access.go. See docs/security.md for what the subjects mean.
func (l Layout) Rights(extra Extra) (map[Role]Rights, error) {
	g := grants{}
	if err := g.layout(l); err != nil {
		return nil, err
	}
	g.requests()
	g.extra(extra)
	rights := make(map[Role]Rights, len(Roles()))
	for _, r := range Roles() {
		rights[r] = Rights{tidy(g[r].Publish), tidy(g[r].Subscribe)}
	}
	return rights, nil
}

// With returns the rights of a user whose inbox has the prefix.
func (r Rights) With(inbox string) Rights {
	return Rights{r.Publish, append(slices.Clone(r.Subscribe), inbox+".>")}
}

func tidy(subjects []string) []string {
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// grants gathers rights.
type grants map[Role]Rights

func (g grants) publish(r Role, subjects ...string) {
	have := g[r]
	have.Publish = append(have.Publish, subjects...)
	g[r] = have
}

func (g grants) subscribe(r Role, subjects ...string) {
	have := g[r]
	have.Subscribe = append(have.Subscribe, subjects...)
	g[r] = have
}

const api = "$JS.API."

// layout grants what has to do with streams. A bucket is a stream with a name of its own.
func (g grants) layout(l Layout) error {
	g.publish(RoleSetup, api+">")
	for _, s := range l.Streams {
		a, ok := streams[s.Name]
		if !ok {
			return fmt.Errorf("stream %s: %w", s.Name, ErrNoAccess)
		}
		g.stream(s.Name, a, l.Consumers)
	}
	for _, b := range l.Buckets {
		a, ok := buckets[b.Bucket]
		if !ok {
			return fmt.Errorf("bucket %s: %w", b.Bucket, ErrNoAccess)
		}
		g.bucket(b.Bucket, a)
	}
	for _, o := range l.Objects {
		a, ok := objects[o.Bucket]
		if !ok {
			return fmt.Errorf("object store %s: %w", o.Bucket, ErrNoAccess)
		}
		g.objects(o.Bucket, a)
	}
	return nil
}

func (g grants) stream(name string, a streamAccess, consumers []Consumer) {
	for _, c := range consumers {
		if c.Stream == name {
			g.work(a.worker, name, c.Name)
			g.publish(a.worker, api+"STREAM.INFO."+name) // for the number of workers that is right
		}
	}
	if a.maker != "" {
		g.work(a.maker, name, "*")
		g.publish(a.maker, api+"CONSUMER.CREATE."+name+".>", api+"CONSUMER.DELETE."+name+".*")
	}
	for r, subjects := range a.fill {
		g.publish(r, subjects...)
	}
	for r, subjects := range a.read {
		g.read(r, name, subjects)
		g.subscribe(r, subjects...)
	}
	for _, r := range a.removal {
		g.publish(r, api+"DIRECT.GET."+name, api+"STREAM.MSG.DELETE."+name)
	}
	for _, r := range a.look {
		g.publish(r, api+"STREAM.INFO."+name)
	}
	// `fetchmill status`
	g.publish(RoleOperator, api+"STREAM.INFO."+name, api+"CONSUMER.LIST."+name)
}

// work is what a worker needs of a consumer. Acknowledgements have two forms; servers to come send the second one.
func (g grants) work(r Role, stream, consumer string) {
	place := stream + "." + consumer
	g.publish(r, api+"CONSUMER.INFO."+place, api+"CONSUMER.MSG.NEXT."+place, "$JS.ACK."+place+".>", "$JS.ACK.*.*."+place+".>")
}

// read is what somebody needs who makes a consumer for himself and pulls from it.
func (g grants) read(r Role, stream string, subjects []string) {
	for _, s := range subjects {
		g.publish(r, api+"CONSUMER.CREATE."+stream+".*."+s)
	}
	g.publish(r, api+"CONSUMER.INFO."+stream+".*", api+"CONSUMER.MSG.NEXT."+stream+".*", api+"CONSUMER.DELETE."+stream+".*")
}

// watch is what somebody needs who makes a consumer for himself that pushes, as the client library does for buckets.
func (g grants) watch(r Role, stream string, subjects ...string) {
	for _, s := range subjects {
		g.publish(r, api+"CONSUMER.CREATE."+stream+".*."+s)
	}
	g.publish(r, api+"STREAM.INFO."+stream, api+"CONSUMER.DELETE."+stream+".*", "$JS.FC."+stream+".>")
}

func (g grants) bucket(name string, a bucketAccess) {
	stream, prefix := "KV_"+name, "$KV."+name+"."
	for r, keys := range a.put {
		g.publish(r, api+"STREAM.INFO."+stream)
		for _, k := range keys {
			g.publish(r, prefix+k)
		}
	}
	for r, keys := range a.get {
		g.publish(r, api+"STREAM.INFO."+stream)
		for _, k := range keys {
			g.publish(r, api+"DIRECT.GET."+stream+"."+prefix+k)
		}
	}
	for r, keys := range a.watch {
		for _, k := range keys {
			g.watch(r, stream, prefix+k)
		}
	}
}

func (g grants) objects(name string, a objectAccess) {
	stream, prefix := "OBJ_"+name, "$O."+name+"."
	for _, r := range a.read {
		g.objectReader(r, name)
	}
	for _, r := range a.watch {
		g.watch(r, stream, prefix+">", prefix+"C.>", prefix+"M.>")
	}
	for _, r := range a.write {
		g.publish(r, api+"STREAM.INFO."+stream, prefix+"C.>", prefix+"M.>", api+"STREAM.PURGE."+stream)
	}
}

func (g grants) objectReader(r Role, bucket string) {
	stream := "OBJ_" + bucket
	g.publish(r, api+"STREAM.INFO."+stream, api+"DIRECT.GET."+stream, api+"DIRECT.GET."+stream+".>")
}

// requests grants what needs no stream.
func (g grants) requests() {
	for _, q := range requests {
		g.subscribe(q.answer, q.subject)
		for _, r := range q.ask {
			g.publish(r, q.subject)
			g.publish(q.answer, answers(r))
		}
	}
	for _, q := range forwarded {
		for _, r := range q.ask {
			g.publish(q.answer, answers(r))
		}
	}
	for r, subjects := range talk {
		g.publish(r, subjects...)
		g.subscribe(r, subjects...)
	}
	// The discovery of NATS micro (ADR-32).
	for _, r := range Services() {
		g.subscribe(r, "$SRV.*", "$SRV.*."+string(r), "$SRV.*."+string(r)+".*")
		g.publish(r, answers(RoleOperator))
	}
	g.publish(RoleOperator, "$SRV.>")
}

// answers is where answers to a role go.
func answers(r Role) string {
	if slices.Contains(people(), r) {
		return peopleInboxes + ">"
	}
	return InboxPrefix(r, "") + ".>"
}

func (g grants) extra(extra Extra) {
	g.publish(RoleFetcher, extra.Subjects...)
	for _, b := range extra.Buckets {
		g.objectReader(RoleFetcher, b)
	}
	for _, s := range extra.Subjects {
		for _, q := range slices.Concat(requests, forwarded) {
			if strings.HasPrefix(q.subject, firstToken(s)+".") {
				g.publish(q.answer, answers(RoleFetcher))
			}
		}
	}
}

func firstToken(subject string) string {
	token, _, _ := strings.Cut(subject, ".")
	return token
}
