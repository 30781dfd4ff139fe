// Search without a server: a typed text is a word whose images were found when the page was made, or part of
// a name.

import { longsOf, part } from "./parts.js"

const MOST_WORDS = 8
const MOST_NAMES = 60

/** @param {{ images: number, chunk: number }} main */
export function createSearch(main) {
  /** @type {{ words: string[], lower: string[], starts: number[], rows: Uint32Array, why: string } | null} */
  let known = null
  /** @type {string[][][]} */
  const chunks = []

  async function load() {
    if (!known) {
      const { words, counts, rows, why } = await part("words")
      const starts = [0]
      for (const count of counts) {
        starts.push((starts.at(-1) ?? 0) + count)
      }
      known = {
        words,
        lower: words.map((/** @type {string} */ word) => word.toLowerCase()),
        starts,
        rows: longsOf(rows),
        why,
      }
    }
    return known
  }

  return {
    load,
    /** The texts of an image: its id, its name, the values of its card.
     * @param {number} at
     * @returns {Promise<string[]>} */
    async textsOf(at) {
      const number = Math.floor(at / main.chunk)
      chunks[number] ??= await part(`texts-${number}`)
      return chunks[number][at % main.chunk]
    },
    /** Words that a text means: itself, those that begin with it, those with it inside.
     * @param {string} text */
    async wordsLike(text) {
      const { words, lower } = await load()
      const typed = text.trim().toLowerCase()
      const grades = lower
        .map((word, at) => ({ at, grade: gradeOf(word, typed) }))
        .filter(({ grade }) => grade < UNLIKE)
      grades.sort((a, b) => a.grade - b.grade || words[a.at].length - words[b.at].length)
      return grades.slice(0, MOST_WORDS).map(({ at }) => words[at])
    },
    /** The images of a word, the best first.
     * @param {string} word */
    async imagesOf(word) {
      const { words, rows, starts } = await load()
      const at = words.indexOf(word)
      return at < 0 ? [] : [...rows.subarray(starts[at], starts[at + 1])]
    },
    /** Images in whose id or name a word begins with a text, else those that hold it anywhere; none when
     * `isStale` says that nobody waits any more.
     * @param {string} text
     * @param {() => boolean} isStale */
    async named(text, isStale) {
      const typed = spoken(text)
      /** @type {number[]} */
      const first = []
      /** @type {number[]} */
      const inside = []
      for (let number = 0; number * main.chunk < main.images; number += 1) {
        chunks[number] ??= await part(`texts-${number}`)
        if (isStale()) {
          return []
        }
        sortNames(chunks[number], number * main.chunk, typed, first, inside)
      }
      return (first.length ? first : inside).slice(0, MOST_NAMES)
    },
  }
}

/**
 * Add the images of a chunk whose names hold a text: to `first` if a word begins so, else to `inside`.
 *
 * @param {string[][]} chunk
 * @param {number} start the number of its first image
 * @param {string} typed
 * @param {number[]} first
 * @param {number[]} inside
 */
function sortNames(chunk, start, typed, first, inside) {
  for (const [at, [id, name]] of chunk.entries()) {
    const plain = ` ${spoken(`${id} ${name}`)}`
    if (plain.includes(` ${typed}`)) {
      first.push(start + at)
    } else if (plain.includes(typed)) {
      inside.push(start + at)
    }
  }
}

const UNLIKE = 9

/**
 * How like a word is to what is typed: 0 the same, then one that begins so, then one with such a word in it.
 *
 * @param {string} word
 * @param {string} typed
 */
function gradeOf(word, typed) {
  if (word === typed) {
    return 0
  }
  if (word.startsWith(typed)) {
    return 1
  }
  return word.includes(` ${typed}`) ? 2 : UNLIKE
}

/** A text as one says it: what joins the words of a file name is a blank.
 * @param {string} text */
const spoken = (text) =>
  text
    .toLowerCase()
    .replace(/[-_/\s]+/g, " ")
    .trim()
