// Package promote puts another fusion behind the vectors of a catalogue: it measures whether a trained model is worse than
// what serves (Judge), and makes all vectors of one generation anew for another from the same stored parts (Remake). It
// encodes nothing, needs no queue, and may be interrupted and repeated at any point.
//
// Moving the pointer to the generation that is then live is the caller's, after both.
package promote
