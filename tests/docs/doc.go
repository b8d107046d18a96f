// Package docs tests that the documents tell the truth: commands that are marked as testable are run against everything in one
// process, and the lists in them are compared with what is there.
package docs
