// Package towers runs a trained fusion: the two ONNX models that `weft train` writes, with the tables that belong to single
// products. It is a fusion.Model as the untrained concatenation is, and the worker does not know which one it has.
//
// What is the same for all products and users is in the ONNX files; what belongs to one product (its identity, its bias,
// what the closed-form models say of it, its row for the sums over histories) is a row of a table, read where it lies. A
// product that nobody had when the model was trained takes the cold path: its features place it, and give it a row for
// histories too, which is stored with its vector.
//
// A model made elsewhere drops in if it has the same files, inputs and outputs; package train documents them where it
// writes them. Opening a model holds its files against the digests of its manifest, and its outputs for made-up inputs
// against those that were recorded when it was stored (Goldens).
package towers
