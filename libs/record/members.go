package record

// members finds an object's members by name, through an index if there are many: the writer of the
// record chooses their number and order.
type members struct {
	all    Map
	places map[string]int
}

// fewMembers is the number up to which members are searched one by one.
const fewMembers = 16

// place returns a member's position, -1 if there is no such member.
func (m *members) place(name string) int {
	if len(m.all) <= fewMembers {
		for i := range m.all {
			if m.all[i].Key == name {
				return i
			}
		}
		return -1
	}
	if m.places == nil {
		m.places = make(map[string]int, len(m.all))
		for i := range m.all {
			m.places[m.all[i].Key.(string)] = i
		}
	}
	if i, ok := m.places[name]; ok {
		return i
	}
	return -1
}

// set adds a member. A member that occurs twice keeps its first position and takes the last value,
// as in Kafka Connect.
func (m *members) set(name string, value any) {
	if i := m.place(name); i >= 0 {
		m.all[i].Value = value
		return
	}
	if m.places != nil {
		m.places[name] = len(m.all)
	}
	m.all = append(m.all, Entry{Key: name, Value: value})
}
