package webhook

// Providers that sign nothing. What can be checked is a secret that the user puts into
// the URL, or into a header where the provider lets him. These are the settings of all
// of them; without a secret, mode=none has to be said.

const defaultTokenParameter = "token"

func unsignedSettings(more ...Setting) []Setting {
	return append([]Setting{
		{Name: "mode", Words: []string{"query", "header", "basic", "bearer", "none"},
			Summary: "where the secret travels: a query parameter, a header, Basic (secret user:password) or Bearer authentication; none: nothing is checked, whoever knows the URL may send. header where that setting is given"},
		{Name: "query_param", Summary: "name of the query parameter with the secret; token when it is not set"},
		{Name: "header", Summary: "name of the header with the secret"},
	}, more...)
}

// openUnsigned opens one of them.
func openUnsigned(s *settings) (scheme, error) {
	mode := s.get("mode")
	if _, chosen := s.Settings["mode"]; !chosen && s.Settings["header"] != "" {
		mode = "header"
	}
	for name, of := range map[string]string{"header": "header", "query_param": "query"} {
		if _, set := s.Settings[name]; set && mode != of {
			return nil, invalidSetting("%s is of no use with mode %s", name, mode)
		}
	}
	switch mode {
	case "none":
		if len(s.Secrets) > 0 {
			return nil, invalidSetting("mode none looks at no secret, and one is given")
		}
		return openURL{}, nil
	case "header":
		name := s.Settings["header"]
		if err := headerName("header", name); err != nil {
			return nil, err
		}
		return newTokenScheme(s, headerToken(name))
	case "basic":
		return newTokenScheme(s, basicToken())
	case "bearer":
		return newTokenScheme(s, bearerToken())
	}
	name, set := s.Settings["query_param"]
	if !set {
		name = defaultTokenParameter
	}
	if name == "" {
		return nil, invalidSetting("query_param is the name of a query parameter")
	}
	return newTokenScheme(s, queryToken(name))
}

// unsignedSecret is the text of Preset.Secret.
const unsignedSecret = "a long random text of your own choice; put it into the URL that you give the provider, as ?token=..."

// foundBy are the settings that say where facts are, for senders without a form of their own.
func foundBy() []Setting {
	return []Setting{
		{Name: "id_header", Summary: "header with an id that is the same on every retry"},
		{Name: "id_path", Summary: "path of such an id in a JSON body (data.id, items.0.id), or a form field"},
		{Name: "type_header", Summary: "header with the type of the event"},
		{Name: "type_path", Summary: "path of the type in a JSON body, or a form field"},
		{Name: "time_path", Summary: "path of the time of the event in a JSON body, or a form field: Unix seconds or milliseconds, or RFC 3339"},
	}
}

// factsBySettings reads the settings of foundBy.
func factsBySettings(s *settings) facts {
	return facts{
		id:        chosen(s, "id_header", "id_path"),
		eventType: chosen(s, "type_header", "type_path"),
		time:      chosen(s, "", "time_path"),
	}
}

// chosen finds what the header or path of a setting names; nil when none is set.
func chosen(s *settings, headerSetting, pathSetting string) finder {
	var finders []finder
	if name := s.Settings[headerSetting]; name != "" {
		finders = append(finders, header(name))
	}
	if path := s.Settings[pathSetting]; path != "" {
		finders = append(finders, body(path), form(path))
	}
	if finders == nil {
		return nil
	}
	return either(finders...)
}
