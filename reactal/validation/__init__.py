"""What a potential can be trusted with: accuracy, barriers, vibrations, dynamics, doubt, price; and a verdict for each goal."""
