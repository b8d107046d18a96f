package sink

// Keys of log records.
const (
	logError   = "error"
	logEntries = "entries"
	logRetryIn = "retry_in"
	logSubject = "subject"
	logItem    = "item"
	logBatches = "batches"
	logPath    = "path"
	logTargets = "targets"
	logVersion = "version"
	logChecks  = "checks"
	logAdded   = "added"
	logChanged = "changed"
	logRemoved = "removed"
	logRecipe  = "recipe"
	logResults = "results"
	logWindows = "windows"
	logForward = "put_forward_by"
	logBack    = "put_back_by"
	logRest    = "for"
)
