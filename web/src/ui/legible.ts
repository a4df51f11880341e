// Characters that are not seen but change how the rest is read: control characters (an
// escape sequence of a terminal), marks that turn the direction of writing, and zero width.
const unseen = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** legible writes each such character as its number (\u202e), so that foreign text looks like what it is. */
export const legible = (text: string): string => text.replace(unseen, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
