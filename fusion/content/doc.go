// Package content makes of a product's features one vector of what it looks like and says, without what people did with it:
// for similar products, for search by words, for the new.
//
// The vector has two parts. One is each modality's own geometry: the features at unit length (square roots of them where
// none is negative), turned to their principal axes. The other is a space that all modalities share, made of the axes of
// the text and of the shop's own categories; a ridge regression leads each modality there, so that words find photos and
// photos of one kind lie together. What of it is worth how much is chosen by cross-validation over products, and where
// neither text nor categories teach anything, the features' own geometry is all there is.
//
// Everything is closed form: the same products and categories give the same head.
package content
