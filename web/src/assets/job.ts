// placeholder until the coordinator's side lands
export interface JobFunction {
  readonly map: number;
  readonly name: string;
  readonly source: string | null;
}
