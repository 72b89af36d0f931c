"""What a campaign came to, on one page."""
