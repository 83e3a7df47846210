// Package learning assembles what a model learns from out of a live catalogue: the lake's rows and features become the
// tables that package train reads. Nothing is encoded: what has no feature yet is missing, and missing is not zero.
//
//	lake → tables → fusion/train
//
// Interactions go through the same consent, cleaning and split as `weft data split` (package divide), features are read as
// vectors are made (package gather, fusion.Pool), so that training sees what serving will see. What was said or written
// after the train part is the future and stays out.
package learning
