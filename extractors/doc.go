// Package extractors turns photos and texts into vectors: an encoder prepares
// an input (pixels, tokens) and runs prepared inputs through its model, and a
// Batcher gathers the inputs of many callers into batches, each of which
// settles by itself.
package extractors
