"""From facts and rules to decided criteria, twice: by the reference evaluator and by durable-rules."""
