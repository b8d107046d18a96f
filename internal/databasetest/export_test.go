package databasetest

// Find is find.
var Find = find

// Dir is where the server has its files.
func (s *Server) Dir() string { return s.dir }
