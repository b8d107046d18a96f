package chaos

const poisonedWorker = "FETCHMILL_TEST_POISONED_WORKER"

func runPoisonedWorker(string) int { return 0 }
