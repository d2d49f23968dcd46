"""What noisy arrays compute: one function for each effect, and their sum, fast."""
