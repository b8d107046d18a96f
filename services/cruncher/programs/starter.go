package programs

import (
	"runtime"
	"sync"
)

// starter runs functions on one thread that lives until it is stopped. Processes are started there, because Linux kills them when the thread
// that has started them ends (PR_SET_PDEATHSIG), and threads of Go can end before the program does.
type starter struct {
	jobs chan func()
	once sync.Once
	wg   sync.WaitGroup
}

// do runs a function on the thread and waits for it.
func (s *starter) do(f func()) {
	s.once.Do(func() {
		s.wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for job := range s.jobs {
				job()
			}
		})
	})
	done := make(chan struct{})
	s.jobs <- func() { defer close(done); f() }
	<-done
}

// stop ends the thread's work. Nothing may be done after it.
func (s *starter) stop() {
	close(s.jobs)
	s.wg.Wait()
}
