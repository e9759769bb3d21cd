"""What sets a picture apart: too far from the genuine ones, or shared where it should not be."""
