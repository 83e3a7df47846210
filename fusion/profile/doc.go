// Package profile learns and tells what kind of shopper somebody is: age band, gender, interest tags, or whatever else
// users are labelled with.
//
// # The model
//
// A head is one attribute: classes of which one holds, or tags of which any number do. Each head reads the user vector v
// and behaviour features f, standardised, by
//
//	exp(f·γ)·(v·V) + f·F + b
//
// and softmax or sigmoids turn that into probabilities. The factor is there because a user vector has unit length: it
// says in which direction a shopper leans, and not after how many events. With it a head is sure of a busy shopper and
// unsure of a new one. It is trained by L-BFGS over all users at once with weight decay; the same input gives the same
// model, bit for bit.
//
// Everything that is chosen (weight decay, calibration, thresholds) is chosen over folds, on users scored by a network
// that had not seen them; then the network is trained on all. Calibration is a temperature for classes and Platt's
// slope and shift for each tag. A head answers only at a certainty at which answers were right as often as
// Config.Precision asks; otherwise it says unknown.
//
// # Consent
//
// An Example carries its user's consent, and begins without. Train, Predict and Evaluate pass over examples without it
// before they read anything else of them, and count them. There is no other way to ask a model.
//
// # The file
//
// Model.ONNX writes one ONNX file that runs like the other models: inputs `vector` and `features`, one output of
// probabilities for each head, and a Card as metadata. Open refuses files of another version or whose card and graph
// differ.
//
// # Measured
//
// On simulated shoppers over the sample catalogue (examples/shoppers, 3,000 of them, seed 1, a quarter kept for testing;
// v is the shares of categories, colours and styles among what they touched), log loss and the share of users that are
// told something at a precision of .8, without the factor and with it:
//
//	             log loss       told
//	gender     .340  .319   1.00  1.00
//	age band  1.027  .970    .10   .42
//	interests  .404  .373    .61   .65
//
// A hidden layer of 16 or 48 units was no better there (age band 1.05 with 16), and with four times the shoppers better
// by .02 of accuracy at thirty times the cost; Config.Hidden tries it. Weighting classes by their rarity is not offered:
// it spoils the calibration that thresholds rest on.
package profile
