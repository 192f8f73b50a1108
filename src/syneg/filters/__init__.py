"""Quality gates and false-negative checks: functions of records to verdicts."""
