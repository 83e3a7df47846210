// Package towers runs a trained fusion: the two ONNX models that `weft train` writes, with the tables that belong to single
// products. It is a fusion.Model as the untrained concatenation is, and the worker does not know which one it has.
//
// What is the same for all products and users is in the ONNX files; what belongs to one product (its identity, its bias,
// what the closed-form models say of it, its row for the sums over histories) is a row of a table, read where it lies. A
// product that nobody had when the model was trained takes the cold path: its features place it, and give it a row for
// histories too, which is stored with its vector.
//
// # A model made elsewhere
//
// drops in if its folder has the same files; the towers may be of any kind inside, written by PyTorch or anything else. All
// tensors are float32; batches (N) and histories (L) are of any length, so these dimensions must not be fixed. A tower need not
// read all inputs.
//
//	product.onnx  identity [N, tower_dim], bias [N, 1], residual [N, rank]: rows of the tables of that name
//	              warm [N, 1]: 1, or 0 for a product that nobody had: its identity is 0, its bias and residual the cold ones
//	              x.NAME [N, dim], has.NAME [N, 1]: pooled features of each modality; both 0 where there are none
//	           →  vector [N, dim]: unit length, ranking space; content [N, any] (optional): what it looks like and says
//	              source [N, source_dim] (optional): the row that histories take for a product that nobody had
//	user.onnx     sources [N, L, source_dim]: rows of sources.npy, or sources of new products; age [N, L]: days
//	              mask [N, L]: how much each choice says, 0 to 1 (strength of the manifest; 1 without), 0 where there is none
//	           →  vector [N, dim]: unit length; user · product is the score
//	identity.npy, bias.npy, residual.npy, sources.npy, counts.npy (× 1; 0: nobody had it), a row for each line of items.ids.txt
//	manifest.json (Manifest), with the SHA-256 of each file
//
// Opening a model holds its files against the digests, its inputs and outputs against this list, and its outputs for made-up
// inputs against those that were recorded when it was stored (Goldens).
package towers
