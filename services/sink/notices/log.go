package notices

// Keys of log records.
const (
	logError   = "error"
	logChannel = "channel"
	logReason  = "reason"
	logNotice  = "notice"
	logKind    = "kind"
	logCount   = "notices"
	logRetryIn = "retry_in"
	logFor     = "for"
	logSubject = "subject"
	logBatch   = "batch"
)
