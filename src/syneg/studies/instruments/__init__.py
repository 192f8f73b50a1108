"""What a study measures besides quality: style, harm, closeness, gradients."""
