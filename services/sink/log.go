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
)
