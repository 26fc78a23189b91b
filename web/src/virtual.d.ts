declare module 'virtual:compute-source' {
  /** The compute worker's script, as one classic script. */
  const source: string;
  export default source;
}
