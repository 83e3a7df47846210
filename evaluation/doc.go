// Package evaluation measures recommendations the way a sceptical referee would: trained models stand in one table with
// baselines, what is chosen is chosen on the validation part, the test part is used once, and every figure has its interval
// (Evaluation). A model is also measured without each of the modalities that it reads (Ablation).
//
//	dataset → Baseline, Trained → Compare → JSON, Print, WriteHTML
//
// What is ranked and counted is package rank's business, how content does on products left out package content's; here it
// is told for people and programs. Nothing is fetched or encoded: data, models and towers come in opened.
package evaluation
