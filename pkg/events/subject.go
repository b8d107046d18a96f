package events

import (
	"fmt"
	"regexp"
	"strings"
)

// Stage names the service that has a message in its hands. Stages appear in subjects, metric labels and dead letters.
type Stage string

// The stages, in the order in which an item passes them.
const (
	StageIngest Stage = "ingest"
	StageFetch  Stage = "fetch"
	StageCrunch Stage = "crunch"
	StageSink   Stage = "sink"
)

// StageNotice is where notices are sent to people. Items never come there.
const StageNotice Stage = "notice"

// Lane is a priority class with a subject token and a consumer of its own, so that a large batch never starves
// an interactive request.
type Lane string

// The lanes, most urgent first.
const (
	LaneHigh   Lane = "high"
	LaneNormal Lane = "normal"
	LaneLow    Lane = "low"
)

// Lanes lists all lanes, most urgent first.
func Lanes() []Lane { return []Lane{LaneHigh, LaneNormal, LaneLow} }

// ParseLane reads a lane's name; the empty string means LaneNormal.
func ParseLane(s string) (Lane, error) {
	switch l := Lane(s); l {
	case "":
		return LaneNormal, nil
	case LaneHigh, LaneNormal, LaneLow:
		return l, nil
	default:
		return "", fmt.Errorf("unknown lane %q: use high, normal or low", s)
	}
}

// Subject prefixes. Item ids never appear in subjects: a stream with many subjects is slow.
const (
	PrefixWork   = "work."
	PrefixFetch  = "fetch."
	PrefixCrunch = "crunch."
	PrefixResult = "result."
	PrefixDone   = "done."
	PrefixEvent  = "event."
	PrefixDead   = "dead."
	PrefixRun    = "run."
	PrefixBatch  = "batch."
	PrefixQuery  = "query."
	PrefixLoad   = "load."
	PrefixNotice = "notice."
	// PrefixChannel is that of requests about the channels that notices are sent on.
	PrefixChannel = "channel."
)

// Subjects of single records.
const (
	// SubjectBatchRecord carries BatchRecords to the sink. No recipe can have this name.
	SubjectBatchRecord = PrefixResult + "_batch"
	// SubjectBatchDone announces a finished batch; its data is a Batch.
	SubjectBatchDone = PrefixEvent + "batch.done"
)

// WorkSubject is where users publish items of a recipe.
func WorkSubject(recipe string) string { return PrefixWork + recipe }

// RunSubject is where users request the finished result of one item.
func RunSubject(recipe string) string { return PrefixRun + recipe }

// LoadSubject is where one of the workers of a stage answers with its Load.
func LoadSubject(stage Stage) string { return PrefixLoad + string(stage) }

// ResultSubject is the sink's inbox for a recipe.
func ResultSubject(recipe string) string { return PrefixResult + recipe }

// DoneSubject is where the sink announces what it has committed.
func DoneSubject(recipe string) string { return PrefixDone + recipe }

// NoticeSubject is where notices wait that are to be sent on a channel.
func NoticeSubject(channel string) string { return PrefixNotice + channel }

// DeadSubject is where a stage puts what it could not do. Of a notice the channel stands
// in place of the recipe. An empty or invalid recipe becomes "_".
func DeadSubject(stage Stage, recipe string) string {
	if ValidName(recipe) != nil {
		recipe = "_"
	}
	return PrefixDead + string(stage) + "." + recipe
}

// StepSubject is where an item waits for its next step: fetch.<lane>.<op> or crunch.<lane>.<op>.
func StepSubject(stage Stage, lane Lane, op string) string {
	return string(stage) + "." + string(lane) + "." + op
}

// RecipeOfWork returns the recipe named by a subject work.<recipe>.
func RecipeOfWork(subject string) (string, error) {
	name, ok := strings.CutPrefix(subject, PrefixWork)
	if !ok {
		return "", fmt.Errorf("subject %q is not of the form work.<recipe>", subject)
	}
	return name, ValidName(name)
}

var nameRE = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// ValidName tells whether s can name a recipe: 1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or a digit.
func ValidName(s string) error {
	if !nameRE.MatchString(s) {
		return fmt.Errorf("%w: %.80q: use 1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or a digit", ErrName, s)
	}
	return nil
}

var batchRE = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?$`)

// ValidBatch tells whether s can name a batch: 1 to 128 of letters, digits, '-', '_' and single dots, starting with a letter
// or a digit and not ending with a dot. Such a name can stand in a key of the control bucket.
func ValidBatch(s string) error {
	if !batchRE.MatchString(s) || strings.Contains(s, "..") {
		return fmt.Errorf("%w: batch %.140q: use 1 to 128 of letters, digits, '-', '_' and single dots, starting with a letter or a digit", ErrName, s)
	}
	return nil
}

// Internal tells whether a subject belongs to fetchmill or to the broker itself. Nobody outside may have something
// published there on their behalf, so such a subject is refused as a reply address.
func Internal(subject string) bool {
	if strings.HasPrefix(subject, "$") {
		return true
	}
	for _, p := range []string{
		PrefixWork, PrefixFetch, PrefixCrunch, PrefixResult, PrefixDone, PrefixEvent, PrefixDead, PrefixRun, PrefixBatch, PrefixQuery, PrefixLoad,
		PrefixNotice, PrefixChannel, PrefixUptime, "schedule.", "tick.",
	} {
		if strings.HasPrefix(subject, p) {
			return true
		}
	}
	return false
}
