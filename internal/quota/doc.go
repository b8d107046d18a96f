// Package quota tells how much of the machine this process may use: processors and memory, the limits of control groups heeded, so that a
// program in a container takes what the container has and not what the machine has.
package quota
