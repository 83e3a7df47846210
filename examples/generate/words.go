package main

// garment holds the words and prices of one class.
type garment struct {
	Category  string
	Plural    bool // "jeans" rather than "dress"
	Nouns     []string
	Styles    []string
	Details   []string // each fits "with …"
	Occasions []string // each fits "for …"
	Materials []string
	Pairings  []string // each fits "goes with …"
	Sizes     []string
	Low, High int // whole euros
}

var (
	letterSizes = []string{"XS", "S", "M", "L", "XL"}
	waistSizes  = []string{"28", "30", "32", "34", "36"}
	shoeSizes   = []string{"36", "37", "38", "39", "40", "41", "42", "43"}

	// The brands are invented.
	brands = []string{"Alder & Finch", "Northquay", "Marenholm", "Osterby", "Littlewharf", "Pine & Harbour"}

	titles = []string{
		"{colour} {noun} with {detail}", "{style} {noun} in {colour}", "{colour} {style} {noun}",
		"{material} {noun}, {colour}", "{colour} {noun} for {occasion}", "{colour} {noun}",
	}
	openings = []string{
		"{a colour noun} made for {occasion}.", "{a style noun} in {colour}, easy to wear and easy to like.",
		"{this} {colour} {noun} {is} a favourite for {occasion}.", "A wardrobe needs {a colour noun}, and here {it} {is}.",
		"{a style noun} in soft {material}, dyed {colour}.",
	}
	details = []string{
		"Made of {material}, with {detail}.", "Soft {material} and {detail} make the difference.",
		"{a style} cut in {material}, with {detail}.", "You get {material}, {detail} and {a style} fit.",
	}
	accents = []string{
		"The {colour} is set off by {accent}.", "Accents in {accent} break up the {colour}.", "A second colour, {accent}, runs through the design.",
	}
	pairings = []string{
		"Goes well with {pairing}.", "Wear with {pairing}, or keep it plain.", "Try with {pairing}.",
	}
	closings = []string{
		"Machine wash at 30 degrees.", "Returns are free for thirty days.", "In good condition, worn twice.",
		"Ships from our own stock.", "See the size chart before you order.",
	}
)

// garments are the classes of the source data set.
var garments = map[string]garment{
	"dress": {
		Category: "Dresses", Nouns: []string{"dress", "midi dress", "summer dress", "day dress"}, Styles: []string{"fitted", "flowing", "A-line", "casual", "elegant"},
		Details:   []string{"a defined waist", "a round neckline", "a full skirt", "a soft lining", "a back zip"},
		Occasions: []string{"summer evenings", "parties", "the office", "weddings", "weekends"}, Materials: []string{"viscose", "cotton", "jersey", "polyester crêpe"},
		Pairings: []string{"sandals", "a denim jacket", "heels and a small bag", "a light cardigan"}, Sizes: letterSizes, Low: 29, High: 120,
	},
	"hat": {
		Category: "Hats", Nouns: []string{"hat", "hat"}, Styles: []string{"casual", "sporty", "warm", "classic"},
		Details:   []string{"a snug fit", "neat stitching", "a soft inner band", "a light lining"},
		Occasions: []string{"sunny days", "cold mornings", "the park", "travel"}, Materials: []string{"cotton", "wool blend", "acrylic", "cotton twill"},
		Pairings: []string{"a jacket and scarf", "trainers and a T-shirt", "your everyday coat"}, Sizes: []string{"S/M", "L/XL", "one size"}, Low: 9, High: 35,
	},
	"longsleeve": {
		Category: "Long-sleeve tops", Nouns: []string{"long-sleeve top", "long-sleeved top", "sweater", "pullover"}, Styles: []string{"relaxed", "slim", "cosy", "basic"},
		Details:   []string{"ribbed cuffs", "long sleeves and a clean neckline", "a soft inside", "a straight hem"},
		Occasions: []string{"cool days", "layering", "lazy weekends", "autumn walks"}, Materials: []string{"cotton", "cotton jersey", "wool blend", "fine knit"},
		Pairings: []string{"jeans", "chinos and boots", "a skirt and tights"}, Sizes: letterSizes, Low: 19, High: 65,
	},
	"outwear": {
		Category: "Outerwear", Nouns: []string{"jacket", "jacket", "outdoor jacket", "coat"}, Styles: []string{"warm", "lightweight", "sporty", "classic", "padded"},
		Details:   []string{"deep pockets", "a full-length fastening", "a high collar", "a warm lining"},
		Occasions: []string{"windy days", "winter", "the commute", "hikes", "spring rain"}, Materials: []string{"nylon", "polyester", "cotton canvas", "wool blend"},
		Pairings: []string{"jeans and boots", "a knitted jumper", "a beanie and gloves"}, Sizes: letterSizes, Low: 49, High: 190,
	},
	"pants": {
		Category: "Trousers", Plural: true, Nouns: []string{"trousers", "pants", "long trousers"}, Styles: []string{"straight", "slim", "relaxed", "tapered"},
		Details:   []string{"five pockets", "a comfortable waistband", "belt loops", "a straight leg"},
		Occasions: []string{"every day", "the office", "long walks", "weekends"}, Materials: []string{"cotton twill", "denim", "stretch cotton", "polyester blend"},
		Pairings: []string{"a white T-shirt", "a shirt and loafers", "trainers and a hoodie"}, Sizes: waistSizes, Low: 29, High: 95,
	},
	"shirt": {
		Category: "Shirts", Nouns: []string{"shirt", "button-up shirt", "casual shirt"}, Styles: []string{"regular", "slim", "relaxed", "smart"},
		Details:   []string{"a buttoned front", "a neat collar", "a chest pocket", "buttoned cuffs"},
		Occasions: []string{"the office", "dinner", "warm evenings", "smart-casual days"}, Materials: []string{"cotton poplin", "cotton", "linen blend", "flannel"},
		Pairings: []string{"chinos", "dark jeans", "a blazer"}, Sizes: letterSizes, Low: 25, High: 80,
	},
	"shoes": {
		Category: "Shoes", Plural: true, Nouns: []string{"shoes", "shoes", "everyday shoes"}, Styles: []string{"comfortable", "sporty", "smart", "light"},
		Details:   []string{"a cushioned sole", "a sturdy heel", "a padded insole", "clean lines"},
		Occasions: []string{"the city", "walking", "evenings out", "summer"}, Materials: []string{"leather", "synthetic leather", "textile", "suede"},
		Pairings: []string{"jeans", "a summer dress", "shorts and a T-shirt"}, Sizes: shoeSizes, Low: 29, High: 140,
	},
	"shorts": {
		Category: "Shorts", Plural: true, Nouns: []string{"shorts", "summer shorts", "casual shorts"}, Styles: []string{"relaxed", "sporty", "short", "knee-length"},
		Details:   []string{"an easy waistband", "side pockets", "a turned hem", "a light lining"},
		Occasions: []string{"the beach", "training", "hot days", "holidays"}, Materials: []string{"cotton", "denim", "polyester", "linen blend"},
		Pairings: []string{"a T-shirt and sandals", "a tank top", "trainers"}, Sizes: waistSizes, Low: 15, High: 55,
	},
	"skirt": {
		Category: "Skirts", Nouns: []string{"skirt", "short skirt", "day skirt"}, Styles: []string{"flared", "straight", "feminine", "high-waisted"},
		Details:   []string{"a hidden zip", "a fitted waist", "a soft lining", "a clean hem"},
		Occasions: []string{"the office", "city walks", "spring days", "dancing"}, Materials: []string{"cotton", "denim", "viscose", "synthetic leather"},
		Pairings: []string{"a tucked-in blouse", "tights and ankle boots", "a simple T-shirt"}, Sizes: letterSizes, Low: 19, High: 75,
	},
	"t-shirt": {
		Category: "T-shirts", Nouns: []string{"T-shirt", "tee", "short-sleeved T-shirt"}, Styles: []string{"regular", "relaxed", "slim", "sporty"},
		Details:   []string{"a crew neck", "short sleeves", "a ribbed collar", "a straight hem"},
		Occasions: []string{"every day", "sport", "summer", "lounging"}, Materials: []string{"cotton", "organic cotton", "cotton jersey", "polyester mesh"},
		Pairings: []string{"jeans", "shorts", "an open shirt"}, Sizes: letterSizes, Low: 9, High: 35,
	},
}
