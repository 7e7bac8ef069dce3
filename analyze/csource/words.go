package csource

import "iter"

// Words gives the identifiers and keywords of C source with their byte offsets,
// in the order of the text, leaving out comments, strings and character
// constants. Preprocessor lines are part of the text. The names are parts of
// src, which must not change while they are in use.
func Words(src []byte) iter.Seq2[int, string] {
	return wordsOf(view(src))
}

func wordsOf(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for i := 0; i < len(text); {
			switch class[text[i]] {
			case isWord:
				end := wordEnd(text, i+1)
				if !yield(i, text[i:end]) {
					return
				}
				i = end
			case isDigit:
				i = wordEnd(text, i+1)
			case isQuote:
				i = quoteEnd(text, i)
			case isSlash:
				i = max(i+1, commentEnd(text, i))
			default:
				i++
			}
		}
	}
}
