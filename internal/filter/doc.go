package filter

/*
The language, in short (docs/filters.md has an example of each operator):

  - A filter is a JSON object. Its names are the sections of a message: payload, headers,
    query, metadata, eventType and channels. Beside them may stand $or, $and and $not.
  - Below a section, a plain name asks for a field, a name that begins with $ is an operator,
    and a bare value is the same as {"$eq": value}. Everything in one object must hold.
    A field whose own name begins with $ is written with two: "$$ref" asks for "$ref".
  - A clause is true, false or without an answer. It has none where the field is missing, and
    $not of none is none (the three values of SQL). So only $exist says anything about a missing
    field, and {"$neq": 1} and {"$not": 1} are the same. A message matches what is true.
  - No kind of value is turned into another: "5" is not 5. null is a value. Numbers are compared
    by their digits, however many there are; texts byte by byte.

Lists. What asks for something ($eq, $gt, $gte, $lt, $lte, $in, $startsWith, $endsWith, $regex, fields,
and an $or of nothing else) is true of a list when it is true of an element, and all that stands
in one object is asked of the same element. What excludes or looks at the whole ($neq, $nin, $not,
$contains, $exist, $and, any other $or) is asked of the list itself. A list in the filter asks that each
of its items is true of an element. A list in a list is an element and is not looked into.

Hookdeck's filters look like this (github.com/hookdeck/simple-json-match, src/operators.ts) and differ: an operator
compares a list as a whole, {} matches, numbers are JavaScript's and so equal beyond 2^53, $eq turns kinds
into each other (==), $in also looks for a part of a text, and $ref reads another field.

Cost. Compile bounds the text, the depth, the number of clauses and the size of each regular expression.
Decide parses the payload once for all filters that ask about the same Message, into a flat list of
its values, and then looks at each value at most once for each clause. A budget bounds that product
(see budget); what exceeds it does not match, and says so.
*/
