package volume

// arrays composes the arrays that the fresh candidates are members of.
func (c *composer) arrays(fresh []*candidate) []*candidate { return nil }
