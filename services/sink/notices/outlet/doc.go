// Package outlet sends messages to where people read them: e-mail over SMTP, webhooks, and the services that shoutrrr knows.
//
// What is sent again has the same id, so that receivers can tell: it is the Message-ID of an e-mail and the webhook-id of a webhook. All
// connections pass the network guard. No error has a secret in it.
package outlet
