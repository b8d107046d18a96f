// Package wording makes the texts of notices: a subject and a text for each kind, and for a digest of several notices, by templates of
// text/template. The operator's file can have others.
//
// The fields of a template are those of events.Notice (.What, .Cause, .Since, .Duration, .Facts and so on), or of a Digest. Beside the
// functions of text/template there are date (a time in UTC), span (a duration in words of two units) and in a digest headline (the
// subject of one of its notices). The template "details" has the lines that most kinds end with.
package wording
