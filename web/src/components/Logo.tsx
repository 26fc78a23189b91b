/** The lotus, in the colour of the text around it. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" fill="currentColor" aria-hidden="true">
      <path d="M16 4.5c4 5 4.2 12.3 0 18.5c-4.2-6.2-4-13.5 0-18.5z" />
      <path d="M15 23.2c-5-1.5-8.2-6.4-7.6-13c4.3 2.2 7 6.9 7.6 13z" opacity=".8" />
      <path d="M17 23.2c5-1.5 8.2-6.4 7.6-13c-4.3 2.2-7 6.9-7.6 13z" opacity=".8" />
      <path d="M13.7 24c-5.2 1.3-10-1.5-11.7-7.5c5-.6 9.5 2.3 11.7 7.5z" opacity=".55" />
      <path d="M18.3 24c5.2 1.3 10-1.5 11.7-7.5c-5-.6-9.5 2.3-11.7 7.5z" opacity=".55" />
      <path d="M8 26.5h16a1 1 0 0 1 0 2h-16a1 1 0 0 1 0-2z" />
    </svg>
  );
}
