// Package chaos does to services and brokers what happens to them in the world, while items flow, and checks that every accepted item ends
// exactly once: TestKills kills them all again and again, TestFaults also stops them, cuts and slows their connections and sends what is
// no work, TestCluster takes the servers of a cluster away, TestPoison is about an item that kills its workers, TestFullDisk about disks that
// become full and have space again. What the items are reduced to has to be as if each had counted once, and no service may hold more
// goroutines or files afterwards than before. TestClock sets the clock of a sink, in the process of the test: other processes have the clock of
// their machine, and to set that would be to do it to everybody on it.
//
//	go test ./tests/chaos -chaos.items 200000 -chaos.kills 50 -chaos.seed 7
//	go test ./tests/chaos -run Faults -chaos.faults "kill sink, cut fetcher 3s"
//	go test ./tests/chaos -run Faults -chaos.seed 7 -chaos.shrink 3
//
// The last one looks for the fewest faults with which a run fails, and takes time. How soon all is well again after a broker was killed tells
//
//	go test ./tests/chaos -run '^$' -bench Recovery -benchtime 5x
package chaos
