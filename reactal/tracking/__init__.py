"""Where a campaign's numbers are shown while it runs."""
