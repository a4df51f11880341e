/** Progress is a bar with its words beside it; share is 0 to 1, or null where the end is not known. */
export function Progress({ share, label }: { share: number | null; label: string }) {
  const percent = share === null ? undefined : Math.round(Math.min(1, Math.max(0, share)) * 100)
  return (
    <div className="progress" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <div style={{ inlineSize: `${percent ?? 100}%`, opacity: share === null ? 0.4 : 1 }} />
    </div>
  )
}
