package tasks

// Reason says why an input is dead. The list is closed: dashboards, alerts and
// `weft deadletters --reason` rely on it.
type Reason string

// Why a photo, a listing or a row cannot become a vector.
const (
	ReasonBadID         Reason = "bad_id"          // product id or file name outside the alphabet
	ReasonEmpty         Reason = "empty"           // no bytes
	ReasonNotAnImage    Reason = "not_an_image"    // no known image signature
	ReasonUnsupported   Reason = "unsupported"     // an image, of a kind that weft does not read
	ReasonTruncated     Reason = "truncated"       // ends before its data does
	ReasonCorrupt       Reason = "corrupt"         // the decoder refused it
	ReasonTooManyBytes  Reason = "too_many_bytes"  // over the byte limit
	ReasonTooManyPixels Reason = "too_many_pixels" // over the pixel or side limit
	ReasonTooManyFrames Reason = "too_many_frames" // over the frame limit
	ReasonBadJSON       Reason = "bad_json"        // not a JSON object
	ReasonBadListing    Reason = "bad_listing"     // a field of the wrong type or range
	ReasonEmptyText     Reason = "empty_text"      // a listing with nothing to read
	ReasonEncoder       Reason = "encoder_failed"  // the encoder failed on this item alone
	ReasonNotFinite     Reason = "not_finite"      // the encoder answered NaN or infinity
	ReasonPayload       Reason = "bad_payload"     // a task that this version cannot read
	ReasonTimeout       Reason = "timeout"         // over its deadline at every attempt
	ReasonRetries       Reason = "retries"         // failed at every attempt for another cause
	ReasonCrashed       Reason = "crashed"         // its decoder crashed or hung, alone and every time
	ReasonBadField      Reason = "bad_field"       // a field of a row is missing, of the wrong type or out of range
	ReasonBadTime       Reason = "bad_time"        // a time that cannot be read, or that cannot be
	ReasonIDConflict    Reason = "id_conflict"     // another row of the same id, with other content, was first
)

// Reasons lists every reason, in the order of the documentation.
func Reasons() []Reason {
	return []Reason{
		ReasonBadID, ReasonEmpty, ReasonNotAnImage, ReasonUnsupported, ReasonTruncated, ReasonCorrupt,
		ReasonTooManyBytes, ReasonTooManyPixels, ReasonTooManyFrames, ReasonBadJSON, ReasonBadListing,
		ReasonEmptyText, ReasonEncoder, ReasonNotFinite, ReasonPayload, ReasonTimeout, ReasonRetries,
		ReasonCrashed, ReasonBadField, ReasonBadTime, ReasonIDConflict,
	}
}

// Known tells whether r is in the closed list.
func (r Reason) Known() bool {
	for _, k := range Reasons() {
		if r == k {
			return true
		}
	}
	return false
}

// QuarantinePrefix begins the key of a dead letter that stands for a content: the
// same bytes are refused under any key. The SHA-256 of the content follows.
const QuarantinePrefix = "content/"
