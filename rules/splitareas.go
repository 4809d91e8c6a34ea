package rules

import (
	"strconv"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// splitAreas are area codes of the NANP of which a part lies in another time
// zone, with all their zones. The library knows in which of them many an exchange
// lies; for the others it has one zone, where a call can be too early in the other.
var splitAreas = map[int][]string{
	// Indiana, Kentucky, Tennessee, Florida, Michigan
	219: {"America/Chicago", "America/New_York"},
	574: {"America/Chicago", "America/New_York"},
	812: {"America/Chicago", "America/New_York"},
	930: {"America/Chicago", "America/New_York"},
	270: {"America/Chicago", "America/New_York"},
	364: {"America/Chicago", "America/New_York"},
	606: {"America/Chicago", "America/New_York"},
	423: {"America/Chicago", "America/New_York"},
	448: {"America/Chicago", "America/New_York"},
	850: {"America/Chicago", "America/New_York"},
	906: {"America/Chicago", "America/New_York"},
	// The Dakotas, Nebraska, Kansas
	605: {"America/Chicago", "America/Denver"},
	701: {"America/Chicago", "America/Denver"},
	308: {"America/Chicago", "America/Denver"},
	620: {"America/Chicago", "America/Denver"},
	785: {"America/Chicago", "America/Denver"},
	// Oregon, and Arizona, where the Navajo Nation changes its clocks
	458: {"America/Denver", "America/Los_Angeles"},
	541: {"America/Denver", "America/Los_Angeles"},
	928: {"America/Denver", "America/Phoenix"},
	// British Columbia, the territories, Saskatchewan, Ontario
	236: {"America/Vancouver", "America/Edmonton", "America/Fort_Nelson"},
	250: {"America/Vancouver", "America/Edmonton", "America/Fort_Nelson"},
	672: {"America/Vancouver", "America/Edmonton", "America/Fort_Nelson"},
	778: {"America/Vancouver", "America/Edmonton", "America/Fort_Nelson"},
	867: {"America/Fort_Nelson", "America/Edmonton", "America/Winnipeg", "America/Toronto"},
	306: {"America/Regina", "America/Edmonton"},
	474: {"America/Regina", "America/Edmonton"},
	639: {"America/Regina", "America/Edmonton"},
	807: {"America/Toronto", "America/Winnipeg"},
	// Quebec with the Magdalen Islands, Newfoundland and Labrador
	367: {"America/Toronto", "America/Halifax"},
	418: {"America/Toronto", "America/Halifax"},
	581: {"America/Toronto", "America/Halifax"},
	709: {"America/Halifax", "America/St_Johns"},
	879: {"America/Halifax", "America/St_Johns"},
}

// split is an area code in several time zones.
type split struct {
	whole *string // the first zone of what the library says of the area code as a whole
	zones []string
}

// splits are the splitAreas by calling code and area code.
var splits = sync.OnceValue(func() map[uint64]split {
	all := make(map[uint64]split, len(splitAreas))
	for area, zones := range splitAreas {
		if names, err := phonenumbers.GetTimezonesForPrefix("1" + strconv.Itoa(area)); err == nil && len(names) > 0 {
			all[uint64(1000+area)] = split{&names[0], zones}
		}
	}
	return all
})

// wholeArea are the zones of a number of the NANP of which the library said
// names: of an area code that is split all, unless it knows the exchange.
func wholeArea(n Number, names []string) []string {
	if s, ok := splits()[n.key/powers[7]]; ok && &names[0] == s.whole {
		return s.zones
	}
	return names
}
