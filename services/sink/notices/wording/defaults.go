package wording

import "github.com/fetchmill/fetchmill/pkg/events"

// details are the lines that most kinds end with.
const details = `{{define "details"}}{{with .URL}}
URL:    {{.}}{{end}}{{with .Group}}
Group:  {{.}}{{end}}{{with .Owner}}
Owner:  {{.}}{{end}}{{range $name, $value := .Facts}}
{{$name}}: {{$value}}{{end}}
{{end}}`

var defaults = map[string]Templates{
	string(events.NoticeDown): {
		`DOWN: {{.What}}`,
		`{{.What}} is down{{if not .Since.IsZero}} since {{date .Since}}{{end}}{{with .Cause}}: {{.}}{{end}}.
{{template "details" .}}`,
	},
	string(events.NoticeStillDown): {
		`STILL DOWN: {{.What}}{{if .DurationMS}}, for {{span .Duration}}{{end}}`,
		`{{.What}} is still down{{if not .Since.IsZero}}, since {{date .Since}}{{end}}{{with .Cause}}: {{.}}{{end}}.
{{template "details" .}}`,
	},
	string(events.NoticeResolved): {
		`UP: {{.What}}{{if .DurationMS}}, after {{span .Duration}}{{end}}`,
		`{{.What}} is up again since {{date .At}}{{if .DurationMS}}. It was down for {{span .Duration}}{{end}}{{with .Cause}}: {{.}}{{end}}.
{{template "details" .}}`,
	},
	string(events.NoticeFlapping): {
		`FLAPPING: {{.What}}`,
		`{{.What}} goes down and up again and again{{with .Cause}}: {{.}}{{end}}. Until it is steady, nothing is told about it.
{{template "details" .}}`,
	},
	string(events.NoticeCertificate): {
		`CERTIFICATE: {{.What}}{{with .Facts.days}}, {{.}} days left{{end}}`,
		`The certificate of {{.What}} expires soon{{with .Cause}}: {{.}}{{end}}.
{{template "details" .}}`,
	},
	string(events.NoticeOutage): {
		`OUTAGE: nothing can be reached from here`,
		`Nothing can be reached{{if not .Since.IsZero}} since {{date .Since}}{{end}}: the fault is on the side of {{.What}}{{with .Cause}} ({{.}}){{end}}.
No target is called down before this is over.
{{template "details" .}}`,
	},
	string(events.NoticeOutageOver): {
		`OUTAGE OVER: targets can be reached again{{if .DurationMS}}, after {{span .Duration}}{{end}}`,
		`Targets can be reached again from {{.What}} since {{date .At}}.
{{template "details" .}}`,
	},
	string(events.NoticeBatchDone): {
		`BATCH {{or .Facts.state "done"}}: {{.What}}{{with .Facts.failed}}{{if ne . "0"}}, {{.}} failed{{end}}{{end}}`,
		`Batch {{.What}} has ended{{if .DurationMS}} after {{span .Duration}}{{end}}{{with .Cause}}: {{.}}{{end}}.
{{template "details" .}}
Results: fetchmill results --batch {{.What}}
`,
	},
	string(events.NoticeDeadLetters): {
		`DEAD LETTERS: {{or .Facts.new "some"}} new`,
		`{{or .Facts.new "Some"}} dead letters have come{{if not .Since.IsZero}} since {{date .Since}}{{end}}{{with .Facts.total}}; there are {{.}} now{{end}}.

Look at them:   fetchmill dead ls
Do them again:  fetchmill dead replay --all
`,
	},
	string(events.NoticeTest): {
		`TEST: {{.What}}`,
		`This is a test of the channel {{.Channel}}, made at {{date .At}}{{with .Cause}}: {{.}}{{end}}. Nothing has happened.
`,
	},
	Otherwise: {
		`{{.Kind}}: {{.What}}`,
		`{{.What}}: {{.Kind}}{{if not .Since.IsZero}} since {{date .Since}}{{end}}{{with .Cause}}: {{.}}{{end}}.
{{template "details" .}}`,
	},
	ForDigest: {
		`{{len .Notices}} notices: {{.Summary}}`,
		`{{len .Notices}} notices were due at once, so they come in one message.
{{range .Notices}}
{{date .At}}  {{headline .}}{{with .Cause}} ({{.}}){{end}}{{end}}
`,
	},
}
