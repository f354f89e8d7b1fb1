package volume

// volumeGroups composes the logical volumes of what is not a member of an array.
func (c *composer) volumeGroups() []*candidate { return nil }
