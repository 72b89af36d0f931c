"""Every night: what came in, the champion measured on it, a challenger taught, and the better of both kept."""
