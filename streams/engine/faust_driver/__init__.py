"""Faust's Kafka driver with these corrections; see ops/decisions/0001-engine.md.

- The fetch wait, hard-coded to 1.5 s, is a setting.
- Isolation is read_committed: feeds write in transactions, and records of aborted ones are skipped.
- Only the window acks. Faust itself acks a record that it skips because of a rebalance, and the commit can then pass a
  record that was never finished.
- The offset to commit follows the last finished record, even after a gap, because the window finishes in order. Faust
  counts offsets one by one, and stops committing for good when an aborted transaction follows a partition's first
  record.
- An ack for a record read before the last rebalance is dropped: its partition may have another owner.
- A stopping or rebalancing worker waits a limited time for records in flight, and for a broker that does not answer.
  Otherwise one that hangs would hold up the whole group, or the stop.
- The number of a topic's partitions comes from the cluster's metadata; where Faust looks it up, only the leader of
  the group has it.
- A commit carries a note for the partition's next owner (`commit_notes`), and one that a rebalance was faster than is
  no error. Partitions that no longer exist are left out, also of one that is being tried.
- A topic that was created again, or lost its end, is read from its beginning. Faust drops records with offsets below
  those it has read, without a word.
- A partition without a commit, or with one at 0, is sought to its beginning in a rebalance like any other. Otherwise
  records that were fetched and dropped in the rebalance would be skipped until the next start.
- Members share an assignor under a name of their own: the broker refuses any other consumer that is given the group of
  a stage, which would commit records that nobody has processed. A worker that is refused ends; Faust would wait for
  ever.
- Its search for stuck partitions is off. It reports every partition of a recovered table's changelog, which nobody
  fetches any longer, at each interval; the age of the oldest record in flight and the consumer lag are metrics.
"""
