// Package channels reads the operator's file of channels for notices, and makes outlets of them. Secrets in it are references to the
// environment or to files, and no message about the file quotes it:
//
//	channels:
//	  ops:
//	    email: {server: smtp.example.com:587, user: fetchmill, password: "${SMTP_PASSWORD}", from: alerts@example.com, to: [ops@example.com]}
//	  hook:
//	    webhook: {url: https://example.com/hooks/fetchmill, key: "${file:/run/secrets/hook}"}
//	  phone:
//	    shoutrrr: {url: "${NTFY_URL}"}
//
// docs/notices.md describes all of it.
package channels
