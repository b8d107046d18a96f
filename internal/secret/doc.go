// Package secret keeps passwords, tokens and keys that an operator's files name, and reads them: a text in such a file may have
// ${NAME} in it, for a variable of the environment, or ${file:PATH}, for the content of a file without the line break at its end, as
// container platforms mount them. What is read shows itself to nobody who does not ask for it.
package secret
