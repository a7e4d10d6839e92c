"""Trains and exports Housestyle's bundles: the base CLIP, the frozen UNet with its autoencoder, and the evaluator."""
