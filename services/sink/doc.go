// Package sink is the last stage: it commits results in groups, ends batches, tells the world what has been committed, and
// answers questions about it.
//
// Nothing is acknowledged before it is in the database, and nothing is announced before that either. What is delivered
// again is announced again, as it is stored, under the same message id.
package sink
