// What Panel, Bokeh and the server hand to the scripts. Only the type checker reads this file.

// Panel

/** What a script says to its component's Python class, which calls the action of that kind. */
export interface Message {
  kind: string
  [detail: string]: unknown
}

/** A component's properties, kept up with those of its Python class. */
export type Model<Properties> = Readonly<Properties> & {
  on(name: (keyof Properties & string) | "after_layout" | "remove", call: () => void): void
  send_msg(message: Message): void
}

/** The element that holds a component. */
export interface View {
  el: HTMLElement
  model: { document: { on_event(name: "connection_lost", call: () => void): void } }
}

export interface Component<Properties> {
  model: Model<Properties>
  view: View
}

// Elements

/**
 * A child of an element: text is shown as text, never read as markup; null, undefined and false are left out.
 */
export type Child = Node | string | number | false | null | undefined | Child[]

type AttributeName =
  | "accept"
  | "alt"
  | "autocomplete"
  | "autofocus"
  | "class"
  | "datetime"
  | "decoding"
  | "disabled"
  | "download"
  | "draggable"
  | "enterkeyhint"
  | "hidden"
  | "href"
  | "id"
  | "list"
  | "loading"
  | "max"
  | "maxlength"
  | "min"
  | "placeholder"
  | "role"
  | "scope"
  | "selected"
  | "size"
  | "spellcheck"
  | "src"
  | "step"
  | "style"
  | "tabindex"
  | "title"
  | "type"
  | "value"

type AttributeValue = string | boolean | null | undefined

/** An element's attributes, and its listeners by the name of their event. */
export type Attributes<Target extends Element> = {
  [Name in AttributeName | `aria-${string}` | `data-${string}`]?: AttributeValue
} & {
  [Name in keyof HTMLElementEventMap as `on${Name}`]?: (
    event: HTMLElementEventMap[Name] & { currentTarget: Target },
  ) => void
}

// Bokeh

export interface Signal {
  connect(slot: () => void): void
  disconnect(slot: () => void): void
  emit(): void
}

export interface Range {
  start: number
  end: number
  min_interval: number
  max_interval: number
  change: Signal
  setv(values: Partial<Pick<Range, "start" | "end" | "min_interval" | "max_interval">>): void
}

export interface Source<Columns> {
  data: Columns
  properties: { data: { change: Signal } }
  setv(values: { data: Columns }, options?: { sync: boolean }): void
}

/** The map's figure. What our scripts keep between two of their runs they keep on it, under `clipper_`. */
export interface Figure {
  name: string | null
  inner_width: number
  inner_height: number
  x_range: Range
  y_range: Range
  renderers: unknown[]
  /** The size of the pane and the first view in it, as they were last fitted. */
  clipper_fitted?: { width: number; height: number; first: MapView }
  /** Where the map glides to, null while it rests. */
  clipper_flight?: MapView | null
  clipper_cards?: { seen: WeakSet<Element>; observer: ResizeObserver }
  clipper_watches_screen?: boolean
  clipper_canvas?: HTMLCanvasElement
  /** Whether this browser lets a page read the true pixels of a canvas. */
  clipper_reads_canvas?: boolean
  /** The picture that waits to be shown, and the work on the one before it. */
  clipper_next_frame?: FrameColumns | null
  clipper_showing?: Promise<void> | null
  /** When the pointer's place was last sent, and the timer that sends the next one. */
  clipper_pointer_sent?: number
  clipper_pointer_timer?: number
}

/** The element of the map; what draws over the map asks its figure where a pixel lies. */
export interface MapPane extends HTMLElement {
  clipper_figure?: Figure
}

interface GlyphView {
  glyph: { image_data: unknown[] }
  request_paint(): void
}

interface FigureView {
  el: HTMLElement
  canvas_view?: { events_el?: HTMLElement & { clipper_focus?: boolean } }
  views: { find_one(renderer: unknown): GlyphView }
}

declare global {
  const Bokeh: {
    index: { find_one(figure: Figure): FigureView | null }
    require(name: "core/util/ndarray"): {
      ndarray(values: Uint32Array, options: { dtype: "uint32"; shape: [number, number] }): unknown
    }
  }
}

// The map

/** A part of the map: its middle in map units, and how many map units a pixel shows. */
export interface MapView {
  unit: number
  x: number
  y: number
}

/**
 * Rectangles in map units, one a row; `reach`: pixels by which what lies at their edges is drawn beyond them.
 */
export interface BoxColumns {
  x0: ArrayLike<number>
  x1: ArrayLike<number>
  y0: ArrayLike<number>
  y1: ArrayLike<number>
  reach_x?: ArrayLike<number>
  reach_y?: ArrayLike<number>
  /** Of the first view: the map units a pixel from which on nothing more is to be seen. */
  closest?: ArrayLike<number>
}

/** A movement that the server asks for: home, a zoom by `factor`, or a part of the map. */
export interface TargetColumns extends BoxColumns {
  aim: ArrayLike<"home" | "zoom" | "part">
  factor: ArrayLike<number>
  stamp: ArrayLike<number>
}

/** A picture of the map, one row; no row before the first and after the last. */
export interface FrameColumns {
  jpeg: BlobPart[]
  x: number[]
  y: number[]
  dw: number[]
  dh: number[]
}

// The dataset

/** An image; `stamp` changes with its bytes. */
export interface ImageReference {
  id: string
  stamp: string
}

/** An image with its name, and how well it answers the query, if there is one. */
export interface ImageItem extends ImageReference {
  label: string
  /** Whether label files say what is on it: then boxes may be asked for. */
  boxes?: boolean
  similarity?: number
  value?: string
  /** The group that it is listed in. */
  group?: string
}

/** A result: `alike` are the nearly identical images folded behind it, `count` how many there are in all. */
export interface ResultItem extends ImageItem {
  score?: number
  scale?: string
  count?: number
  alike?: ResultItem[]
}

/** A term of a query; an image has its thumbnail as `picture`, or is one of the dataset. */
export interface QueryTerm {
  key: string
  label: string
  minus: boolean
  weight: number
  picture?: string
  image?: ImageReference
  /** Why it counts for nothing. */
  problem?: string
}

/** A query as it is written, and as a person reads it. */
export interface QueryText {
  text: string
  label: string
}

/** The histogram of a column: counts per bin of all images and of those that pass the filters. */
export interface Chart {
  whole: number[]
  now: number[]
  /** Where each bin begins, and where it ends, in words. */
  labels: string[]
  tops: string[]
  low: string
  high: string
  /** The bins [first, last) that the filter lets pass, [] without one. */
  span: number[]
  colours?: string[]
}

/** A value of a column in the filter panel; null stands for the images that have none, which `label` names. */
export interface ValueLine {
  label?: string
  value: string | null
  whole: number
  now: number
  on: boolean
  /** Its colour on the map, "" where another column colours it. */
  colour?: string
  /** How many times as often it occurs in the part as in the whole. */
  times?: number
}

/** What is wrong with a line of text that filters: from `start` to `end` of it. */
export interface FilterProblem {
  text: string
  start: number
  end: number
  message: string
}

/** A way to go on with a line: as a person reads it, as it is typed, and what stands beside it. */
export interface CompletionOption {
  text: string
  insert: string
  note: string
}

/** Ways to go on with `text` at the cursor `at`: they replace what is from `start` to `end`. */
export interface Completion {
  text: string
  at: number
  start: number
  end: number
  options: CompletionOption[]
}

interface FacetBase {
  name: string
  title: string
  /** Whether a filter on the column is in use, and whether it picks values. */
  on: boolean
  picks: boolean
  /** The line of the images without a value, {} where there are none. */
  missing: ValueLine | { whole?: undefined }
  words?: string
  /** In which time zone its times are shown, "" for a column that has none of its own. */
  clock: string
}
export interface ValuesFacet extends FacetBase {
  kind: "values"
  lines: ValueLine[]
  most: number
  total: number
  part: string
}
export interface ScaleFacet extends FacetBase {
  kind: "number" | "time"
  chart: Chart
}
export interface TextFacet extends FacetBase {
  kind: "text"
  text: string
}
export type Facet = ValuesFacet | ScaleFacet | TextFacet

/** The words that colour the map, and what is said about them; sentences are "" where there is nothing to say. */
export interface OwnWords {
  /** The words in view, with commas between them. */
  text: string
  hint: string
  example: string
  busy: string
  problem: string
  /** A name for the column that they may be kept as; "" where there are none to keep. */
  name: string
  kept: string
  keep_problem: string
}

/** A line of the legend; without `on` its value cannot be filtered by. */
export interface LegendEntry {
  label: string
  count: number
  colour: string
  now?: number
  on?: boolean
  value?: string | null
  others?: boolean
}
