// Package files gives operations the files below folders that the operator has named, and nothing else on the machine.
//
// An item names a root and a path below it. A path never leads out of its root, neither by "..", nor as an absolute path, nor through
// symbolic links (os.Root sees to it), and only regular files are opened: no device, pipe or socket. What is written appears
// under its name whole or not at all. All errors are verdicts of package ops.
package files
