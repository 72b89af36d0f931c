"""Which of the explored structures are worth a label."""
